"""Which data are there, and are they sound?"""
