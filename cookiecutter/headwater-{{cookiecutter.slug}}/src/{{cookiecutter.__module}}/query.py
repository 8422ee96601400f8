{% include cookiecutter.kind ~ "/query.py" %}
