"""The street door under siege: malformed requests among good ones, clients that never finish, and documents nobody would write.

`make siege` prints what held; the short form runs among the tests.
"""
