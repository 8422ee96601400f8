{% include cookiecutter.kind ~ "/datasource.py" %}
