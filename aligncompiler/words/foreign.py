"""What other frameworks call it: TRL and transformers, axolotl, LLaMA-Factory, torchtune, OpenRLHF, verl, NeMo, Lightning, Hydra.

Names are compared in lower case, `-` as `_`. A target is a path in this language; where a name means different things in different statements,
several stand in the order in which they are tried.
"""

from __future__ import annotations

TARGETS = {
    # how long
    "budget.epochs": "num_train_epochs epochs num_epochs max_epochs n_epochs total_epochs epoch trainer_epochs",
    "budget.steps": "max_steps steps num_steps total_steps train_steps max_iters training_steps num_training_steps total_training_steps "
    "max_train_steps train_iters",
    # optimiser
    "optimizer": "optim optimiser optimizer_type opt optimizer_name optim_args",
    "optimizer.learning_rate": "learning_rate lr base_lr peak_lr actor_learning_rate critic_learning_rate",
    "optimizer.weight_decay": "weight_decay wd l2 adam_weight_decay",
    "optimizer.betas": "adam_beta1 adam_beta2 adam_betas beta1 beta2",
    "optimizer.eps": "adam_epsilon epsilon adam_eps optim_eps",
    "clip_norm": "max_grad_norm gradient_clip_val clip_grad_norm grad_clip gradient_clipping max_norm clip_gradient grad_clip_norm clip_grad",
    # schedule
    "schedule": "scheduler lr_scheduler lr_scheduler_kwargs lr_schedule",
    "schedule.shape": "lr_scheduler_type lr_decay_style scheduler_type lr_scheduler_name lr_warmup_style",
    "schedule.warmup": "warmup_ratio warmup_steps num_warmup_steps lr_warmup_ratio lr_warmup_steps lr_warmup_steps_ratio warmup_fraction lr_warmup_iters",
    "schedule.floor": "min_lr cosine_min_lr_ratio min_lr_ratio lr_min final_lr",
    # batch
    "batch.rows": "per_device_train_batch_size train_batch_size batch_size global_batch_size ppo_mini_batch_size rollout_batch_size "
    "num_samples_per_step total_batch_size",
    "batch.tokens_at_once tokens_at_once": "micro_train_batch_size ppo_micro_batch_size "
    "ppo_micro_batch_size_per_gpu per_device_eval_batch_size eval_batch_size max_tokens_per_batch ppo_max_token_len_per_gpu "
    "precompute_ref_batch_size",
    # lengths
    "max_tokens context": "max_length max_seq_length max_seq_len cutoff_len cutoff_length sequence_len sequence_length model_max_length max_len "
    "seq_len seq_length packed_length block_size train_max_len",
    "max_new_tokens": "max_tokens max_length max_len max_tokens_to_generate max_completion_length response_length generate_max_len "
    "max_response_length max_gen_len max_generated_tokens max_output_tokens response_max_length max_output_length",
    "log_every": "logging_steps log_interval log_every_n_steps logging_interval log_freq log_steps",
    "checkpoints": "save_steps save_strategy save_every save_interval save_freq saves_per_epoch checkpointing_steps checkpoint_interval",
    # what is learned
    "objective": "loss loss_fn loss_function criterion",
    "objective.kind": "loss_type pref_loss rl rlhf trainer_type algorithm",
    "objective.beta": "pref_beta dpo_beta rl_beta kl_beta kl_coef kl_coeff kl_ctl init_kl_coef",
    "objective.label_smoothing": "dpo_label_smoothing cdpo_label_smoothing ls label_smoothing_factor",
    "objective.sft_weight": "pref_ftx rpo_alpha nll_loss_coef sft_loss_coef ptx_coef sft_alpha nll_loss_weight sft_loss_weight",
    "objective.center": "center_rewards_coefficient center_rewards",
    "reference": "ref_model reference_model ref_model_path ref_policy reference_model_name_or_path ref_pretrain ref ref_model_name_or_path",
    "data": "dataset train_dataset training_data dataset_train data_train",
    "model": "actor actor_model policy_model",
    # models
    "pretrained": "model_name_or_path from_pretrained base_model model_name model_path pretrain pretrained_model_name_or_path model_id "
    "hf_model_name hf_model checkpoint_dir",
    "revision": "model_revision revision_of_model hub_revision commit commit_hash",
    "tokenizer": "tokenizer_name tokenizer_path tokenizer_name_or_path tokenizer_type processing_class",
    "prompt_format": "chat_template template prompt_style prompt_template apply_chat_template",
    "adapter": "peft_config lora_config peft lora finetuning_type use_peft use_lora lora_enable",
    "adapter.rank": "lora_r r lora_rank lora_dim",
    "adapter.alpha": "lora_alpha lora_scale",
    "adapter.dropout": "lora_dropout",
    "adapter.targets": "lora_target_modules target_modules lora_target lora_modules lora_attn_modules target_module lora_target_linear",
    "architecture.family": "model_type arch",
    "architecture.num_layers": "num_hidden_layers n_layer n_layers layers depth num_layers_total",
    "architecture.num_heads": "num_attention_heads n_head n_heads heads nhead",
    "architecture.num_kv_heads": "num_key_value_heads n_kv_heads kv_heads num_query_groups",
    "architecture.hidden_size": "d_model n_embd embed_dim embedding_dim model_dim dim emb_dim",
    "architecture.ffn_size": "intermediate_size d_ff n_inner ffn_dim ffn_hidden_size mlp_dim intermediate_dim",
    "architecture.context": "max_position_embeddings n_ctx n_positions context_length context_size max_context",
    "architecture.tie_embeddings": "tie_word_embeddings tie_weights share_embeddings",
    "architecture.init_std": "initializer_range init_range",
    "architecture.rope_theta": "rope_base rotary_base",
    "backbone": "encoder_model base reward_backbone",
    # rows
    "file": "data_path data_files train_file dataset_path jsonl json_path train_files prompt_data path filename file_name filepath file_path url uri",
    "hub": "dataset_name dataset_name_or_path hf_dataset dataset_id repo_id hf_hub_url",
    "subset": "dataset_config dataset_config_name config_name subset_name",
    "split": "dataset_split train_split dataset_train_split data_split",
    "between": "val_set_size eval_split_size test_size validation_split val_size train_on_split",
    "limit": "max_samples max_train_samples num_examples num_train_samples max_eval_samples train_samples max_rows",
    "columns": "column_mapping dataset_text_field prompt_column field_messages column_map input_key output_key prompt_key chosen_key "
    "rejected_key columns_mapping field_mapping",
    "columns limit": "field",
    # answers
    "count": "num_return_sequences num_samples num_generations n_samples_per_prompt n_samples n best_of samples_per_prompt num_responses rollout_n group_size",
    "temperature": "temp sampling_temperature rollout_temperature",
    "top_p": "topp nucleus_p",
    "top_k": "topk",
    "stop": "stop_strings stop_sequences stop_words stop_texts stop_tokens stops until",
    "sampler": "sampling_backend generation_backend rollout_backend inference_backend rollout_engine use_vllm vllm_mode",
    "answers_at_once": "generation_batch_size rollout_micro_batch_size gen_batch_size inference_batch_size",
    "prompts": "prompt_dataset prompt_data_path questions",
    "policy": "generator",
    "reward": "reward_model reward_funcs reward_fn reward_func reward_model_path reward_pretrain remote_rm_url judge",
    "metrics": "eval_metrics compute_metrics metric",
    "models": "model_list candidates",
    # everywhere
    "engine": "accelerate_config distributed fabric hardware",
    "engine.precision": "bf16 fp16 dtype torch_dtype mixed_precision model_dtype precision_type",
    "engine.strategy": "fsdp deepspeed fsdp_config ddp parallelism distributed_backend distributed_type zero_stage ds_config deepspeed_config",
    "engine.devices": "num_gpus gpus n_gpus n_gpus_per_node num_gpus_per_node gpus_per_node num_processes nproc_per_node num_devices world_size",
    "engine.accelerator": "device use_cpu no_cuda device_type device_map cuda",
    "engine.threads": "num_threads num_cpus",
    "engine.nodes": "num_nodes nnodes n_nodes num_machines machines slurm_nodes",
    "engine.loggers": "report_to logger log_with use_wandb wandb trackers tracker use_tensorboard logging_backend",
    "gradient_checkpointing": "use_gradient_checkpointing activation_checkpointing recompute gradient_checkpointing_kwargs enable_activation_checkpointing",
    "alignc": "schema_version schemaversion api_version apiversion spec_version language_version format_version config_version",
    "alignc revision": "version",
    "seed": "random_seed rng_seed data_seed manual_seed global_seed",
    "name": "run_name experiment_name exp_name project_name job_name wandb_name wandb_run_name project wandb_project title",
    "description": "notes desc comment tags",
    "cites": "citation paper arxiv references",
    "extends": "defaults base_config inherit inherits include parent _base_ base_yaml",
    "vars": "variables params parameters constants",
    "profiles": "environments presets modes",
    "sweep": "grid hyperparameters hparams search_space sweeper",
    "sweep.axes": "matrix param_grid",
    "rounds": "iterations num_iterations num_rounds loop loops rounds_count",
    "stages": "steps_list pipeline jobs tasks stage workflow",
    "kind": "type use _target_ _component_ class class_path _type_ _name_ cls",
}

FOREIGN: dict[str, str] = {}
for _target, _names in TARGETS.items():
    for _name in _names.split():
        FOREIGN[_name] = f"{FOREIGN[_name]} {_target}" if _name in FOREIGN else _target

# What a person has to know of a word that others call differently, besides its name: it counts in another unit.
UNITS = {
    "batch.rows": "rows of one optimiser step, over all devices",
    "batch.tokens_at_once": "tokens of one forward pass, not rows",
    "checkpoints": "shares of the budget, for example `[0.5, 1]`",
    "schedule.warmup": "a share of the steps, not a number of them",
    "schedule.floor": "a share of the peak, not a rate",
    "extends": "one file, which may extend another",
}

# Names without a key here, and what takes their place.
ACCUMULATED = "an optimiser step has `batch.rows` rows, over all devices; how many pass at a time follows from `batch.tokens_at_once`, in tokens"
READ_ALONE = "rows are read before training starts, and need no workers; `engine.threads` bounds what a CPU run takes"
INSTEAD = {
    "output_dir": "results go to the folder of the run: `alignc run --out FOLDER`",
    "logging_dir": "curves go to the report of the run, and with `engine.loggers` to its folder `logs/`",
    "wandb_entity": "`engine.loggers: [wandb]` logs there; wandb reads its entity and its project from its own settings",
    "overwrite_output_dir": "nothing is overwritten: what is done already is found in the store",
    "resume_from_checkpoint": "finished stages are found in the store by themselves",
    "do_train": "write a stage of kind `train`",
    "do_eval": "write a stage of kind `evaluate`",
    "do_predict": "write a stage of kind `sample`",
    "eval_strategy": "write a stage of kind `evaluate` for each model to measure",
    "evaluation_strategy": "write a stage of kind `evaluate` for each model to measure",
    "eval_steps": "write a stage of kind `evaluate`, over `checkpoints` of the training stage if there should be several",
    "eval_dataset": "write a stage of kind `evaluate` with this dataset as its `data`",
    "max_prompt_length": "there is one bound for prompt and answer together, `max_tokens`",
    "gradient_accumulation_steps": ACCUMULATED,
    "accumulate_grad_batches": ACCUMULATED,
    "micro_batch_size": ACCUMULATED,
    "precompute_ref_log_probs": "a stage that computes them once is added by itself; one of kind `logprobs` does it in the open",
    "precompute_ref_logps": "a stage that computes them once is added by itself; one of kind `logprobs` does it in the open",
    "reference_free": "there is no objective without its reference; `reference` names another one",
    "do_sample": "`temperature: 0` takes the most likely token, a higher one draws",
    "use_cache": "keys and values are always kept while answers are written",
    **dict.fromkeys(("attn_implementation", "use_flash_attention_2", "flash_attention", "flash_attn"), "PyTorch picks the kernel; there is nothing to choose"),
    "disable_dropout": "models built here have no dropout, a pretrained one has that of its own configuration; that of an adapter is `adapter.dropout`",
    "padding_free": "rows are packed by themselves; shared prefixes are computed once",
    "trainer": "training is a stage of kind `train`, and its `objective` says how",
    "tf32": "float32 is computed as float32; `engine.precision: bfloat16` is the faster choice",
    **dict.fromkeys(("dataloader_num_workers", "num_workers", "dataset_num_proc", "preprocessing_num_workers", "num_proc"), READ_ALONE),
    "packing": "rows are packed by themselves; shared prefixes are computed once",
    "sample_packing": "rows are packed by themselves; shared prefixes are computed once",
    "push_to_hub": "a finished model is an ordinary folder under `artifacts/` of the run",
    "remove_unused_columns": "columns that nothing reads are no problem; `columns` renames",
    "trust_remote_code": "code of a model is never run",
    "load_in_8bit": "weights are loaded as they are; there is no quantisation",
    "load_in_4bit": "weights are loaded as they are; there is no quantisation",
    "quantization": "weights are loaded as they are; there is no quantisation",
    "hydra": "a spec is composed by `extends`, `profiles` and `--set`",
    "_partial_": "a kind is data, not a call; write its fields beside `kind`",
    "_recursive_": "a kind is data, not a call; write its fields beside `kind`",
    "_convert_": "a kind is data, not a call; write its fields beside `kind`",
    "env": "an experiment reads no environment; write the values out, or give them by `--set`",
    "callbacks": "a training stage has no callbacks; what it measures is a stage of its own",
}

# Words that others write as a value.
VALUES = {
    "gpu": "cuda",
    "bf16": "bfloat16",
    "bf16-mixed": "bfloat16",
    "fp32": "float32",
    "32": "float32",
    "32-true": "float32",
    "auto": "detect initial context labels all",
    "zero2": "deepspeed",
    "zero3": "fsdp",
    "deepspeed_stage_2": "deepspeed",
    "deepspeed_stage_3": "fsdp",
    "tensorboardx": "tensorboard",
    "weights_and_biases": "wandb",
    "none": "single",
    "gpt2": "llama",
    "mistral": "llama",
    "qwen": "qwen2",
    "qwen2.5": "qwen2",
    "adam": "adamw",
    "adamw_torch": "adamw",
    "adamw_torch_fused": "adamw",
    "adamw_hf": "adamw",
    "torch.optim.adamw": "adamw",
    "sigmoid": "dpo",
    "trl.dpotrainer": "dpo",
    "dpotrainer": "dpo",
    "trl.sfttrainer": "sft",
    "sfttrainer": "sft",
    "bce": "cross_entropy",
    "prm": "step_cross_entropy process",
    "prmtrainer": "step_cross_entropy",
    "genrm": "generative",
    "llm_judge": "generative",
    "reward_model": "bradley_terry scalar",
    "rm": "bradley_terry scalar",
    "pairwise": "bradley_terry",
    "rewardtrainer": "bradley_terry",
    "generate": "sample",
    "generation": "sample",
    "eval": "evaluate",
    "evaluation": "evaluate",
    "finetune": "train",
    "fine_tune": "train",
    "preference": "preferences",
    "instruction": "demonstrations",
    "alpaca": "demonstrations",
    "sharegpt": "demonstrations",
    "chat": "demonstrations",
    "hf": "causal_lm",
    "automodelforcausallm": "causal_lm",
    "lm": "causal_lm",
    "best_of_n": "best_against_worst",
    "integer": "int",
    "number": "float",
    "double": "float",
    "string": "str",
    "text": "str",
    "boolean": "bool",
    "file": "path",
}


def plain(word: str) -> str:
    """A name as it stands in the tables."""
    return word.lower().replace("-", "_")


def targets(word: str) -> list[str]:
    """Where a foreign name leads, as paths of this language."""
    return FOREIGN.get(word, FOREIGN.get(plain(word), "")).split()


def meant_by(word: str, known: set[str]) -> str:
    """The word of a choice that a foreign value stands for; empty if there is none."""
    return next((one for one in VALUES.get(word.lower(), "").split() if one in known), "")
