"""How is one file of music classified, on the command line and in a browser?"""
