"""The language server: what `check` knows, while a spec is written.

    session.py      the open documents, and what was compiled from them
    analysis.py     one spec compiled as an editor shows it, also where it cannot be read
    positions.py    lines and columns of the compiler <-> positions of the protocol
    locate.py       what stands at an offset of a text
    grammar.py      what the language takes at a path of a spec
    mentions.py     every place that names a declaration, a variable, or a name in rounds
    problems.py     diagnostics and their quick fixes
    completion.py, hover.py, navigation.py, outline.py    one feature a file
    server.py       the protocol: requests in, answers out

Only `server.py` knows of pygls; all else are functions of texts and offsets.
"""
