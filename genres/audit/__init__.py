"""Which faults does somebody's own collection have?"""
