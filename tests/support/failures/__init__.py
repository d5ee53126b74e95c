"""Failures of real projects that were broken on purpose, as the capturing plugin tells them: the classifier's data.

``breakages.yaml`` lists known ways to break, ``breaking`` puts one into a project, ``collect`` runs the broken projects
and writes ``failures.jsonl.gz`` and ``mixtures.jsonl.gz``, ``stored`` reads them.
"""
