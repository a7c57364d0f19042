#!/usr/bin/env bash
# Generation speed, ours beside llama.cpp's, model by model in one run.
#
#   bench/engine.sh [ROUNDS]
#
# ROUNDS     of each of our figures, the best counts; default 3
# PEERS_HOME llama.cpp's build and the GGUF files of peers/setup.sh (default: ~/.cache/lathe-peers)
#
# Only the ratios mean something: run nothing else meanwhile.
set -euo pipefail
rounds=${1:-3}
home=${PEERS_HOME:-$HOME/.cache/lathe-peers}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
java=${JAVA_HOME:?set JAVA_HOME to a JDK 25}/bin/java

(cd "$here/.." && mvn -q -Dquick -DskipTests -pl bench -am package dependency:build-classpath \
  -Dmdep.outputFile="$work/classpath" -Dmdep.includeScope=runtime >"$work/build.log" 2>&1) ||
  { tail -20 "$work/build.log"; exit 1; }
classes=$here/target/classes
for module in compute training platform app; do
  classes+=:$here/../$module/target/classes
done

for model in smollm2-q4_1 smollm2-q8_0 smollm2-bf16 qwen05-q4_k_m; do
  file=$home/models/$model.gguf
  echo "== $model, Lathe"
  "$java" --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
    --sun-misc-unsafe-memory-access=allow -XX:CompileCommand=quiet \
    "-XX:CompileCommand=CompileThresholdScaling,dev/lathe/compute/kernel/*.*,0.05" \
    -cp "$classes:$(cat "$work/classpath")" dev.lathe.bench.EngineBench "$file" AUTO "$rounds" \
    2>"$work/err" || { tail -20 "$work/err"; exit 1; }
  echo "== $model, llama.cpp"
  "$home/llama.cpp/build/bin/llama-bench" -m "$file" -t 2 -p 512 -n 64 -r "$rounds" 2>/dev/null |
    awk -F'|' '/pp512/ { print "prompt of 512: " $8 " tokens/s" } /tg64/ { print "1 stream: " $8 " tokens/s" }'
  "$home/llama.cpp/build/bin/llama-batched-bench" -m "$file" -t 2 -npp 4 -ntg 64 -npl 1,4,16,32 \
    -c 8192 -b 512 -ub 512 2>/dev/null |
    awk -F'|' '$4 + 0 > 0 { printf "%d streams: %.0f tokens/s\n", $4, $9 }'
done
