"""The dashboard: pages that a browser draws from the REST API's own answers.

A page itself holds no data: it is a frame and a script, the same for everybody, and all numbers come from the API with
the rights of whoever looks. Everything is served from this process; a page asks no other host for anything.
"""
