package dev.lathe.training.tensor;

import dev.lathe.compute.LatheException;
import org.bytedeco.javacpp.Loader;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;

/// Skips tests in a build with the profile `gpu` where its natives cannot be loaded; in any other
/// build natives that cannot be loaded are failures.
public final class GpuNatives implements ExecutionCondition {
  @Override
  public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
    String natives = "/org/bytedeco/pytorch/" + Loader.getPlatform() + "-gpu/libjnitorch.so";
    if (GpuNatives.class.getResource(natives) == null) {
      return ConditionEvaluationResult.enabled("natives for the CPU");
    }
    try {
      LibTorch.load(2);
      return ConditionEvaluationResult.enabled("CUDA's libraries are there");
    } catch (LatheException missing) {
      return ConditionEvaluationResult.disabled(missing.getMessage());
    }
  }
}
