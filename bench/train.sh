#!/usr/bin/env bash
# Fine-tuning speed and memory, ours beside the peers, one after another in one run.
#
#   bench/train.sh PEERS_SCRIPTS [MODEL DATASET ROWS]
#
# PEERS_SCRIPTS  folder with train_llamafactory.sh and train_peft.py, their packages and models
#                installed under PEERS_HOME (default: ~/.cache/lathe-peers)
# MODEL          smollm2 (default) or qwen05
# DATASET ROWS   a set of PEERS_SCRIPTS/../data/llamafactory; default alpaca_en_demo 320
#
# All three: one epoch of LoRA SFT, rank 8 on all projections, cutoff 2048, bf16, 16 rows a step.
# tokens/s counts no padding. Only the ratios mean something: run nothing else meanwhile.
set -euo pipefail
peers=$(cd "$1" && pwd)
model=${2:-smollm2} dataset=${3:-alpaca_en_demo} rows=${4:-320}
home=${PEERS_HOME:-$HOME/.cache/lathe-peers}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

field() { sed -n "s/.*\"$1\" *: *\([0-9.eE+-]*\).*/\1/p" "$2" | head -1; }

echo "== Lathe"
"$here/../lathe" train --model_name_or_path "$home/models/$model-hf" --stage sft --do_train true \
  --finetuning_type lora --lora_rank 8 --lora_alpha 16 --lora_dropout 0 --lora_target all \
  --dataset "$dataset" --dataset_dir "$peers/../data/llamafactory" --cutoff_len 2048 \
  --max_samples "$rows" --output_dir "$work/adapter" --logging_steps 5 --save_strategy no \
  --per_device_train_batch_size 2 --gradient_accumulation_steps 8 --learning_rate 2.0e-4 \
  --num_train_epochs 1.0 --lr_scheduler_type cosine --max_grad_norm 1.0 --bf16 true \
  >"$work/lathe.log" 2>&1 || { tail -20 "$work/lathe.log"; exit 1; }
results=$work/adapter/train_results.json
ours=$(field train_tokens_per_second "$results")
memory=$(awk -v b="$(field peak_memory_bytes "$results")" 'BEGIN { printf "%.2f", b / 1073741824 }')
echo "tokens/s $ours  mean loss $(field train_loss "$results")  peak RSS $memory GB"

echo "== LLaMA-Factory"
bash "$peers/train_llamafactory.sh" "$model" "$dataset" "$rows" | tee "$work/factory"
echo "== hand-written PEFT loop"
"$home/py/bin/python" "$peers/train_peft.py" "$model" "$dataset" "$rows" 2>/dev/null | tee "$work/peft"

number() { sed -n "s/.*$1 \([0-9.]*\).*/\1/p" "$2"; }
awk -v o="$ours" -v m="$memory" \
  -v f="$(number tokens\\/s "$work/factory")" -v fm="$(number 'peak RSS' "$work/factory")" \
  -v p="$(number tokens\\/s "$work/peft")" -v pm="$(number 'peak RSS' "$work/peft")" 'BEGIN {
    printf "== ratio\nspeed  %.2f x LLaMA-Factory  %.2f x PEFT loop\n", o / f, o / p
    printf "memory %.2f x LLaMA-Factory  %.2f x PEFT loop\n", m / fm, m / pm }'
