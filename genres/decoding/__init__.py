"""How does a file become samples?"""
