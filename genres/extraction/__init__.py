"""How does a collection of sound become tables?"""
