"""What does a notebook show, and what moves in it?"""
