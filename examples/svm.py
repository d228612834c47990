"""The report's support vector machine on all 63 features (notebooks 06 and 11)."""

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer
from sklearn.svm import SVC

inputs = "features"

model = make_pipeline(PowerTransformer(), SVC(C=5.0, probability=True, random_state=0))
