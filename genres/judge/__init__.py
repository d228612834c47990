"""How good is somebody's own classifier, how sound somebody's own collection?"""
