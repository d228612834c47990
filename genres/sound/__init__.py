"""How do samples become numbers?"""
