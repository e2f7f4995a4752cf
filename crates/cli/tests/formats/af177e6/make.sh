#!/usr/bin/env bash
# How the files of this folder were made, by the build of commit af177e6 that $ELBO names.
# Left out: figures, what stands in lock files, and two of the four cells of the sweep, so that something is left to do.
set -euo pipefail
cd "$(dirname "$0")"
train() { "$ELBO" train --quiet --threads 1 "$@"; }
leaves=(--data leaves.csv --label-column tree --set data.test_rows=12 --set data.test=held-out)
scaled=("${leaves[@]}" --set data.standardize=true)

train gmm "${scaled[@]}" --set model.k=3 --out runs/gmm
train kmeans "${scaled[@]}" --set model.k=3 --set train.n_init=2 --out runs/kmeans
train pca "${scaled[@]}" --set model.latents=2 --out runs/pca
train factor-analysis "${scaled[@]}" --set model.latents=1 --out runs/factor-analysis
# Keys that have other names now, and rows that are projected first.
train natural-gmm "${leaves[@]}" --set data.project=pca --set data.project_to=2 --set model.k=3 \
  --set train.epochs=20 --set train.batch_size=12 --set train.grad_clip=2 --set train.batch_steps=30 \
  --set train.lr=1e-2 --out runs/natural-gmm
train mixture-vae "${scaled[@]}" --set data.valid_rows=8 --set model.hidden=[4] --set model.z=1 \
  --set train.batch=8 --set train.epochs=3 --out runs/vae
train glyphs-gmvae --data bits.csv --label-column side --set data.binarize=none --set data.valid_rows=8 \
  --set data.test_rows=8 --set model.hidden=[4] --set model.k=2 --set model.z=1 --set train.batch=8 \
  --set train.epochs=3 --out runs/gmvae
for run in runs/*; do
  name=$(basename "$run")
  table=$([ "$name" = gmvae ] && echo bits.csv || echo leaves.csv)
  "$ELBO" eval "$run" --data "$table" --json > "expected/$name.json"
  "$ELBO" export latents "$run" --data "$table" -o "expected/$name.csv"
done

# Stopped in the middle, and to the end in one piece.
vae=(mixture-vae --set data.train_rows=60000 --set data.valid_rows=50 --set data.test_rows=50
  --set model.hidden=[4] --set model.z=1 --set train.batch=64 --set train.epochs=8)
natural=(natural-gmm --set data.train_rows=2000 --set train.epochs=6 --set train.batch_steps=200000 --set model.k=3)
train "${vae[@]}" --out whole-vae
train "${natural[@]}" --out whole-natural-gmm
cp whole-vae/metrics.csv expected/stopped-vae.csv
cp whole-natural-gmm/metrics.csv expected/stopped-natural-gmm.csv
timeout -s TERM .09 "$ELBO" train --quiet --threads 1 "${vae[@]}" --out stopped/vae || true
timeout -s TERM .15 "$ELBO" train --quiet --threads 1 "${natural[@]}" --out stopped/natural-gmm || true
"$ELBO" sweep run sweep.toml --out stopped/sweep --quiet
mv stopped/sweep/results.csv expected/sweep.csv
