"""Every problem that a checkpoint can have: its code, its field, its sentence, its fix. docs/checks.md lists them."""

from __future__ import annotations

from leaderboard.submissions.catalogue import COMMON, WARNING, Catalogue, Template, shown

__all__ = ["CATALOGUE", "problem", "problem_with", "shown"]

OWN: dict[str, Template] = {
    # What was submitted
    "invalid_model_id": Template(
        "model",
        "{value} is not the name of a repository on the Hub.",
        "Give it as org/name, as in the address of its page on the Hub; old models have one name only, such as gpt2.",
    ),
    "invalid_revision": Template(
        "revision",
        "{value} is not a valid name of a revision.",
        "Give a branch, a tag or a commit of the repository, for instance main.",
    ),
    "invalid_base_model_id": Template(
        "base_model",
        "{value} is not the name of a repository on the Hub.",
        "Give the base model as in the address of its page on the Hub: org/name, or one name only, such as gpt2.",
    ),
    # Policy
    "copy_of": Template(
        "model",
        "The weights of {model} are those of {twin} at {sha}, which this board knows: every file has the same content.",
        "Submit {twin} itself; if {model} is the original, ask this board's maintainers to let it in.",
    ),
    "copied_by": Template(
        "model",
        "{twin} at {sha} on this board has the weights of {model}, which was on the Hub before it.",
        "No action is needed; this board's maintainers are notified.",
        WARNING,
    ),
    "same_weights": Template(
        "model",
        "The weights of {model} at {sha} are the same as at {other}, which this board already knows.",
        "No action is needed; the scores will be the same unless configuration or tokenizer differ.",
        WARNING,
    ),
    # Access to the repository
    "model_not_found": Template(
        "model",
        "{model} does not exist on the Hub, or it is private.",
        "Check the spelling; if it is yours and private, make it public.",
    ),
    "revision_not_found": Template(
        "revision",
        "{model} has no branch, tag or commit {revision}.",
        "Give a revision that its page on the Hub lists under Files, for instance main.",
    ),
    "gated": Template(
        "model",
        "{model} is gated, and this board has no access to its files.",
        "Grant access to this board's Hub account, or remove the gate, and submit it again.",
    ),
    "private": Template(
        "model",
        "{model} is private; this board accepts only public checkpoints.",
        "Make the repository public and submit it again.",
    ),
    "disabled": Template(
        "model",
        "The Hub has disabled {model}.",
        "Ask the Hub why, and submit it again once it is enabled.",
    ),
    "too_many_files": Template(
        "model",
        "{model} has more files than this board reads.",
        "Submit a repository that holds only the checkpoint.",
    ),
    # Model card
    "no_model_card": Template(
        "model",
        "{model} has no model card at {sha}.",
        "Add a README.md that describes the checkpoint and how it was made, and submit the new commit.",
    ),
    "short_model_card": Template(
        "model",
        "The model card of {model} has {count} characters of text at {sha}; this benchmark requires {least}.",
        "Describe the checkpoint and how it was made, and submit the new commit.",
    ),
    "unreadable_model_card": Template(
        "model",
        "The model card of {model} cannot be read at {sha}: {why}.",
        "Fix README.md, with its YAML front matter between the first two lines of ---, and submit the new commit.",
    ),
    "no_licence": Template(
        "model",
        "The model card of {model} names no licence at {sha}.",
        "Add license: to its front matter (or license: other with license_name and license_link), "
        "and submit the new commit.",
    ),
    # Code
    "auto_map": Template(
        "model",
        "{model} requires its own code: {files} has auto_map at {sha}.",
        "This board runs no code from repositories. Once transformers supports the architecture, "
        "remove auto_map and submit the new commit.",
    ),
    "custom_code": Template(
        "model",
        "{model} contains Python code at {sha}: {files}.",
        "This board runs no code from repositories. Move the code to another repository and submit the new commit.",
    ),
    # Configuration
    "no_config": Template(
        "model",
        "{model} has no config.json at {sha}.",
        "Push the checkpoint with save_pretrained or push_to_hub of transformers, and submit the new commit.",
    ),
    "unreadable_config": Template(
        "model",
        "{file} of {model} cannot be read at {sha}: {why}.",
        "Push a valid JSON object and submit the new commit.",
    ),
    "too_big_config": Template(
        "model",
        "{file} of {model} is too large at {sha}: {why}.",
        "Remove it from the repository, or make it smaller, and submit the new commit.",
    ),
    "unknown_architecture": Template(
        "model",
        "{model} is {architecture}, which transformers {version} cannot load as a language model without custom code.",
        "Submit a checkpoint with a text-generation architecture that transformers supports; if a newer transformers "
        "supports this one, ask this board's operator to update it.",
    ),
    "opens_another_file": Template(
        "model",
        "{file} of {model} names a file to be opened in place of the repository's own at {sha}: {key} is {value}.",
        "Remove {key} from {file} and submit the new commit; the files beside {file} are found without it.",
    ),
    "kernel": Template(
        "model",
        "{file} of {model} requires a kernel to be downloaded and run at {sha}: {key} is {value}.",
        "Remove {key} from {file} and submit the new commit; this board runs no code from repositories.",
    ),
    "unknown_implementation": Template(
        "model",
        "{file} of {model} asks at {sha} for an implementation that transformers does not have: {key} is {value}.",
        "Remove {key} from {file} and submit the new commit.",
    ),
    # Weights
    "no_safetensors": Template(
        "model",
        "{model} has no safetensors weights at {sha}.",
        "Load it and save it again with save_pretrained of transformers, which writes safetensors, "
        "and submit the new commit.",
    ),
    "broken_safetensors": Template(
        "model",
        "{file} of {model} is broken at {sha}: {why}.",
        "Upload the file again and submit the new commit.",
    ),
    "weights_elsewhere": Template(
        "model",
        "{file} of {model} names weights at {sha} that are not a safetensors file beside it: {value}.",
        "Push the weights as model.safetensors, or as shards beside model.safetensors.index.json, without "
        "transformers_weights in config.json, and submit the new commit.",
    ),
    "pickle_weights": Template(
        "model",
        "{model} also has files at {sha} that can run code when they are loaded: {files}.",
        "No action is needed: this board reads only safetensors. Remove them to protect other users.",
        WARNING,
    ),
    "unknown_size": Template(
        "model",
        "The number of parameters of {model} cannot be read from its safetensors files at {sha}.",
        "Push the weights as model.safetensors, or as shards with model.safetensors.index.json, "
        "and submit the new commit.",
    ),
    "too_large": Template(
        "model",
        "{model} has {params} billion parameters{counted}; in {precision}, {limiter} accepts at most {limit} billion.",
        "Choose a precision with fewer bits where the limit is higher, or submit a smaller checkpoint.",
    ),
    "no_tokenizer": Template(
        "model",
        "The tokenizer of {model} cannot be loaded: at {sha} it has no tokenizer.json and no other vocabulary.",
        "Push the tokenizer and submit the new commit.",
    ),
    # Precision and weight type
    "precision_not_allowed": Template(
        "precision",
        "The benchmark {benchmark} does not accept {value}.",
        "Choose one of its precisions: {known}.",
    ),
    "precision_not_possible": Template(
        "precision",
        "No worker of this board can run {value} now: {why}",
        "Choose another precision.",
    ),
    "generation_too_long": Template(
        "model",
        "The context length of {model} is {length} tokens, and the benchmark {benchmark} generates at least as "
        "many new tokens in {tasks}, which leaves no room for the prompt.",
        "Submit a checkpoint with a longer context.",
    ),
    "weight_type_not_allowed": Template(
        "weight_type",
        "The benchmark {benchmark} does not accept the weight type {value}.",
        "Choose one of its weight types: {known}.",
    ),
    "weight_type_not_possible": Template(
        "weight_type",
        "No worker of this board can run the weight type {value} now: {why}",
        "Choose another weight type; an adapter or delta can be merged into its base model and submitted as Original.",
    ),
    "delta_quantised": Template(
        "precision",
        "No worker can run this: {why}",
        "Choose float16, bfloat16 or float32, or submit the delta merged into its base model as Original.",
    ),
    "no_worker_fits": Template(
        "precision",
        "No single worker of this board can run this checkpoint with these settings: {why}",
        "Choose another precision or weight type.",
    ),
    "no_worker": Template(
        "benchmark",
        "No worker has registered with this board yet.",
        "No action is needed; the request waits until one does.",
        WARNING,
    ),
    "precision_mismatch": Template(
        "precision",
        "{model} is stored quantised ({method}); it cannot be loaded in {value}.",
        "Choose the precision {right}.",
    ),
    "not_gptq": Template(
        "precision",
        "{model} has no GPTQ quantisation at {sha}: its config.json names none.",
        "Choose the precision of its weights, or push a checkpoint quantised with GPTQ.",
    ),
    "other_quantisation": Template(
        "precision",
        "{model} is stored quantised ({method}); its scores will be those of the quantised weights.",
        "No action is needed; submit the unquantised checkpoint as well to compare the two.",
        WARNING,
    ),
    "unknown_quantisation": Template(
        "precision",
        "{model} is stored quantised at {sha} in a way that transformers {version} does not know: {value}.",
        "Fix quant_method of quantization_config in config.json, or push unquantised weights, "
        "and submit the new commit.",
    ),
    "quantisation_bits": Template(
        "precision",
        "quantization_config of {model} gives {value} bits at {sha}; GPTQ supports 2, 3, 4 or 8.",
        "Fix bits in config.json, or quantise the checkpoint again, and submit the new commit.",
    ),
    "quantisation_not_possible": Template(
        "precision",
        "{model} is stored quantised ({method}) at {sha}, which no worker of this board can load now: {why}",
        "Submit the unquantised checkpoint, or ask this board's operator to install the package.",
    ),
    "is_an_adapter": Template(
        "weight_type",
        "{model} is an adapter: it has adapter_config.json at {sha}, so transformers would load another model with it.",
        "Choose the weight type Adapter and give its base model.",
    ),
    "not_an_adapter": Template(
        "weight_type",
        "{model} is not an adapter: it has no adapter_config.json at {sha}.",
        "Choose the weight type Original, or Delta for differences to a base model.",
    ),
    "base_model_missing": Template(
        "base_model",
        "{value} weights need a base model, and none is given.",
        "Give the repository on the Hub that they apply to.",
    ),
    "base_model_problem": Template(
        "base_model",
        "The base model cannot be used. {message}",
        "{fix}",
    ),
    "other_base_model": Template(
        "base_model",
        "adapter_config.json of {model} names the base model {named}, not {value}.",
        "Check which of the two it was trained on.",
        WARNING,
    ),
    # Chat template
    "no_chat_template": Template(
        "use_chat_template",
        "{model} has no chat template at {sha}.",
        "Add one (chat_template.jinja, or chat_template in tokenizer_config.json) and submit the new commit, "
        "or submit it without the chat template.",
    ),
    "chat_template_broken": Template(
        "use_chat_template",
        "The chat template of {model} cannot be used at {sha}: {why}.",
        "Fix the template and submit the new commit, or submit it without the chat template.",
    ),
}
CATALOGUE = Catalogue(COMMON | OWN)
"""With those that submissions of every kind can have."""
problem, problem_with = CATALOGUE.problem, CATALOGUE.problem_with
