"""P6: files, data, the plan and the store."""

from __future__ import annotations

from .code import Code

CODES = (
    Code("P601", "no-such-file", "A file that the spec or the command names is missing, is a folder where a file is needed, or cannot be read."),
    Code("P602", "unreadable-data", "The data file is not in the format that its name promises, or is not UTF-8."),
    Code("P603", "missing-column", "The rows lack what their kind needs, a column as a rule; `columns` maps our names to the names in the source."),
    Code("P604", "no-rows-left", "Every row was skipped, or a limit leaves room for none, so there is nothing to work with. The message says why."),
    Code("P605", "store", "The store could not be read or written."),
    Code("P606", "not-installed", "Running needs the runtime extra (torch, lightning, transformers, ...), or one more package that the spec names."),
    Code("P607", "model-unloadable", "The folder, package or hub name holds no model that can be loaded, or needs code that is not trusted."),
    Code("P608", "stage-failed", "A stage stopped before its artifact was complete. What was finished before it is kept; run again to go on from there."),
    Code("P610", "device", "The spec asks for a device or for several processes or machines that are not there."),
    Code("P611", "beyond-context", "Rows longer than the context of the model cannot be read, so a larger limit would be silently lowered."),
    Code(
        "P612",
        "plan-moved",
        "A saved plan is carried out exactly as it was saved. What it was made from (the spec, the data, the code) has changed since, so it is not "
        "what you would get today. Comments, names and descriptions do not count.",
    ),
    Code(
        "P613",
        "field-not-read",
        "The code that would carry out this stage never looks at this field. Whatever you wrote there would be silently ignored, so nothing is started.",
    ),
    Code("P614", "already-running", "Two processes that carry out one plan in one folder would overwrite each other's report, so the second one stops."),
    Code(
        "P615",
        "not-a-plan",
        "`alignc run FILE.json` carries out a plan that `alignc plan SPEC -o FILE.json` saved; this file is none, or was cut short or edited. The "
        "message names the first value that is wrong; a plan is made again, not mended, since its keys follow from all that it says.",
    ),
    Code(
        "P616",
        "damaged-artifact",
        "A file of a finished artifact is missing or is not what was stored. It is never used: the next run makes the artifact anew.",
    ),
    Code("P617", "unknown-use", "What is deleted from the store is what no run refers to; where that cannot be known, nothing is deleted."),
    Code(
        "P618",
        "input-changed",
        "A file was edited between the planning of a run and its reading, or while it was read. The key of the stage speaks of what the file held, "
        "so what was read must not be stored under it. Run again.",
    ),
    Code(
        "P621",
        "not-implemented",
        "The kind is known, but what carries it out is not there or does not take its fields: the plug-in is not installed where the work is "
        "done, or is incomplete.",
    ),
    Code(
        "P622",
        "rows-skipped",
        "Rows that cannot be used are left out of a run, and counted. This tells how many it would be, before anything is trained on the rest.",
        severity="warning",
    ),
    Code(
        "P626",
        "out-of-memory",
        "An allocation was refused while a stage was made. The message gives what `alignc plan` estimates for it; what the stage holds at a time can "
        "be lowered without changing a result. A run goes on from where the stage was last saved.",
    ),
    Code(
        "P630",
        "unstable-template",
        "What a chat template writes of a conversation must start with what it writes of the conversation before the answer, and must end the answer "
        "with a token of its own. Otherwise a model would be trained to go on from a text that it is never shown when it writes.",
    ),
    Code(
        "P631",
        "no-example",
        "`show --example` prints a row as a stage reads it. The stage reads none, the row is not there, or what it is read with must be made first.",
    ),
    Code(
        "P632",
        "slow-pattern",
        "A regular expression can need a time that doubles with every letter. Rules read what a model wrote, which may be just such a text, so the time "
        "for one answer is bounded; a row is not left out for it, since which one it meets would depend on the machine. Write the pattern so that a text "
        "can be divided in one way only.",
    ),
    Code(
        "P633",
        "function-failed",
        "The Python function that a reward names raised an error, or gave something else than a number for each answer and the figures that the spec tells of.",
    ),
    Code(
        "P634",
        "same-reply",
        "A generative reward compares how likely the first tokens of two replies are. Where its policy's tokenizer starts both with the same token, as a "
        "blank or an opening quotation mark may be, they say nothing.",
    ),
)
