"""The report's k-NN: five neighbours in four features, nearer ones weighted more (notebook 02)."""

from sklearn.compose import make_column_transformer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from genres.data.tables import BASE_FEATURES, FEATURES

inputs = "features"

four = [FEATURES.index(name) for name in BASE_FEATURES]
model = make_pipeline(
    make_column_transformer(("passthrough", four)),
    StandardScaler(),
    KNeighborsClassifier(n_neighbors=5, weights="distance"),
)
