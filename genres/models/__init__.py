"""Which classifiers, and how good are they, really?"""
