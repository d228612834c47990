"""How good is somebody's own classifier?"""
