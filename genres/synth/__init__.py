"""What does the built-in corpus sound like?"""
