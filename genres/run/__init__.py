"""How is the report executed, and what of an earlier run still holds?"""
