"""Importers, over files as their sources write them."""
