"""What can be wrong inside a package of code. docs/checks.md describes each of them."""

from __future__ import annotations

from leaderboard.records.sentences import WARNING, Catalogue, Template

UPLOADED = Catalogue(
    {
        "artifact_too_large": Template(
            "artifact", "{filename} has {found} bytes; {benchmark} takes at most {limit}.", "Submit a smaller file."
        ),
    }
)
LOCAL = Catalogue(
    {
        "code_not_packaged": Template("artifact", "{reason}", ""),
        "score_undefined": Template(
            "artifact", "{columns} cannot be computed for this file: a correlation, for example, needs values that are "
            "not all equal.", "Submit a file with other values.",
        ),
    }
)  # fmt: skip
"""What only `podium validate` says."""
PACKAGE = Catalogue(
    {
        "code_archive": Template("artifact", "{filename} cannot be unpacked: {reason}", "Pack it again as a zip."),
        "code_entry_missing": Template(
            "artifact", "{filename} has no {file} at its root.", "Put {file} at the root of the zip, or into the one "
            "folder that holds everything.",
        ),
        "code_entry_nested": Template(
            "artifact", "{filename} has no {file} at its root; there is one at {place}.",
            "Pack the files of that folder, not the folders around it.",
        ),
        "code_file_refused": Template(
            "artifact", "{file} is a file that this benchmark does not take: compiled code and pickles are refused.",
            "Leave it out; store arrays as .npy or .npz and weights as .safetensors.",
        ),
        "code_source_too_large": Template(
            "artifact", "{file}: {bytes} bytes of Python, more than the {limit} that are read.",
            "Move data into files that are not Python.",
        ),
        "code_syntax": Template("artifact", "{file}:{line} is not valid Python: {reason}.", "Correct it."),
        "code_unparsable": Template(
            "artifact", "{file} cannot be parsed within {seconds} seconds and 1 GB.", "Make it smaller or less nested."
        ),
        "code_missing": Template(
            "artifact", "{file} has no {what}.", "Define it there; the benchmark's page says how it is called."
        ),
        "code_parameters": Template(
            "artifact", "{file}:{line}: {what} does not take the number of arguments that it is called with, {count}.",
            "Give it that many parameters.",
        ),
        "code_import_unknown": Template(
            "artifact", "{file}:{line} imports {module}, which the runtime of this board does not have.",
            "Put it into the package, or do without it.",
            WARNING,
        ),
        "code_requirements_not_taken": Template(
            "artifact", "The package has a requirements.txt, and {benchmark} takes none.", "Leave it out."
        ),
        "code_manifest_unreadable": Template(
            "artifact", "manifest.json is not as `podium package` writes it: {place}.",
            "Make the package again with `podium package`, or leave manifest.json out.",
        ),
        "code_manifest_differs": Template(
            "artifact", "{filename}: {file} {how}.", "Make the package again with `podium package`."
        ),
        "code_manifest_benchmark": Template(
            "artifact", "The package was made for the benchmark {made_for}, and is submitted to {benchmark}.",
            "Check that it is the intended one.", WARNING,
        ),
        "code_models_not_taken": Template(
            "artifact", "The package has a models.txt, and {benchmark} takes no Hub models.", "Leave it out."
        ),
        "code_models_line": Template(
            "artifact", "models.txt:{line}: {text} is not the name of a model on the Hub.",
            "Write owner/name, or owner/name@revision, one a line; # begins a comment.",
        ),
        "code_models_too_many": Template(
            "artifact", "models.txt names {found} models; {benchmark} allows {limit}.", "Name fewer."
        ),
        "code_model_unreadable": Template(
            "artifact", "models.txt:{line}: {model} cannot be read on the Hub: {reason}.",
            "Name a public model and a revision that exists.",
        ),
        "code_model_no_safetensors": Template(
            "artifact", "models.txt:{line}: {model} has no weights in safetensors files.",
            "Name a model with model.safetensors; pickled weights are not loaded.",
        ),
        "code_model_own_code": Template(
            "artifact", "models.txt:{line}: {model} comes with code of its own (auto_map), which is not downloaded.",
            "Name a model that transformers loads by itself.",
        ),
        "code_models_too_large": Template(
            "artifact", "The models of models.txt have {found} GB; {benchmark} allows {limit}.", "Name smaller ones."
        ),
    }
)  # fmt: skip
