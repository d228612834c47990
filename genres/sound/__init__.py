"""How does sound become numbers?"""
