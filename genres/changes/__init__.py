"""When does a track change its genre?"""
