"""The services that strategies talk to. Nothing here knows the engine.

A function's package holds only those modules that its strategy imports. So the `__init__` of a
package here must not import another module of it.
"""
