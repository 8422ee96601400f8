{% include cookiecutter.kind ~ "/test_datasource.py" %}
