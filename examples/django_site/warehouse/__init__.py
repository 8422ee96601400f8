"""Data sources in a Django project: `from warehouse.host import headwater`."""
