"""Words that stand for terms: made-up plurals, Greek letters, and real plurals.

Every name is one plain lower-case word, so that a small tokenizer can hold it as one token. Left out: names of several
words and proper nouns, which would add grammar and no logic.
"""

_ONSETS = ("bl", "d", "fr", "gl", "h", "k", "m", "pl", "sn", "t", "v", "z")
_RIMES = ("alps", "efts", "ilps", "orps", "urks", "onks", "azzes", "ubbins")

NAMES = {
    "virtual": tuple(
        onset + rime
        for onset in _ONSETS
        for rime in _RIMES
        # These happen to be English words.
        if onset + rime not in {"hefts", "honks", "plonks", "murks", "turks", "dubbins"}
    ),
    "greek": (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
        *("nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
    ),
    "real": (
        *("ants", "apples", "artists", "bakers", "balls", "bats", "bears", "bees", "bells", "birds", "boats", "books"),
        *("boxes", "brides", "bridges", "cakes", "camels", "cars", "cats", "chairs", "clerks", "clocks", "clouds"),
        *("coats", "coins", "cooks", "cows", "crows", "cups", "dancers", "dogs", "doors", "drums", "ducks", "eagles"),
        *("farmers", "fish", "flags", "flowers", "flutes", "foxes", "frogs", "gardens", "ghosts", "goats", "guests"),
        *("hats", "horses", "houses", "islands", "judges", "kings", "kites", "knives", "lakes", "lamps", "leaves"),
        *(
            "lions",
            "lizards",
            "maps",
            "moths",
            "mugs",
            "nurses",
            "oaks",
            "owls",
            "painters",
            "pearls",
            "pens",
            "pilots",
        ),
        *("planes", "plants", "poets", "ponds", "rabbits", "rings", "rivers", "roads", "robots", "roses", "sailors"),
        *("seals", "shells", "ships", "shoes", "singers", "snakes", "spoons", "stars", "stones", "students", "tables"),
        *("teachers", "tigers", "towers", "trains", "trees", "violins", "wagons", "walls", "whales", "wolves", "worms"),
    ),
}
