"""How is a finished run read and published?"""
