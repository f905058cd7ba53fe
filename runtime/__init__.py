"""The runtime of alignc: it carries out a plan. It knows the language only through the plan and the spec classes."""
