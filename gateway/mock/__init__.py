"""Services that are not there, played from their schemas: typed data that looks like what its names promise, the same every time.

A value depends on the seed and on whose it is (type, row, field), on nothing else: not on the order of questions, the process
or the day. So a product is the same product by whichever way it is reached, and rows refer to rows that exist.
"""
