package dev.lathe.compute.engine;

import dev.lathe.compute.kernel.PackedMatrix;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import java.util.List;

/// Projections that share their input and are computed as one product. Each begins at a panel of
/// the common result.
enum Group {
  QKV,
  OUT,
  /// Panels of gate and up alternate, so that whoever computed a pair can gate it at once.
  GATE_UP,
  DOWN;

  List<Projection> members() {
    return switch (this) {
      case QKV -> List.of(Projection.Q, Projection.K, Projection.V);
      case OUT -> List.of(Projection.O);
      case GATE_UP -> List.of(Projection.GATE, Projection.UP);
      case DOWN -> List.of(Projection.DOWN);
    };
  }

  int in(ModelConfig config) {
    return config.in(members().getFirst());
  }

  /// Panels of the common result.
  int panels(ModelConfig config) {
    return members().stream().mapToInt(p -> panels(config, p)).sum();
  }

  static int panels(ModelConfig config, Projection projection) {
    return PackedMatrix.padded(config.out(projection)) / PackedMatrix.PANEL;
  }

  /// Panel of the common result that holds the projection's panel 0.
  int firstPanel(ModelConfig config, Projection projection) {
    if (this == GATE_UP) {
      return members().indexOf(projection);
    }
    int first = 0;
    for (Projection member : members()) {
      if (member == projection) {
        return first;
      }
      first += panels(config, member);
    }
    throw new IllegalArgumentException(projection + " is not in " + this);
  }

  /// Panels from one panel of a projection to its next.
  int panelStep() {
    return this == GATE_UP ? 2 : 1;
  }

  static Group of(Projection projection) {
    return switch (projection) {
      case Q, K, V -> QKV;
      case O -> OUT;
      case GATE, UP -> GATE_UP;
      case DOWN -> DOWN;
    };
  }
}
