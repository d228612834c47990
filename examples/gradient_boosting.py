"""Gradient boosting: many small trees, each fitted to what those before it got wrong."""

from sklearn.ensemble import HistGradientBoostingClassifier

inputs = "features"

model = HistGradientBoostingClassifier(
    learning_rate=0.1, max_iter=60, max_leaf_nodes=8, random_state=0
)
