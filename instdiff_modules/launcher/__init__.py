"""What quickstart.py is made of: the machine, the installation, the server, the graph.

Standard library only, because nothing is installed yet when this code starts.
"""
