package dev.lathe.app.http.service;

import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.Shape;
import dev.lathe.platform.access.Operation;
import java.util.List;
import java.util.function.BooleanSupplier;

/// `/health` and `/ready`: whether the process lives, and whether it takes requests.
record Probes(String status) {
  private static final Shape<Probes> SHAPE =
      Shape.<Probes>named("Probe").text("status", "`ok`", Probes::status).build();

  /// @param draining whether the server is stopping
  static List<Route> routes(BooleanSupplier draining) {
    return List.of(
        Route.get("/health")
            .needs(Operation.LOOK)
            .summary("Whether the process lives")
            .gives(SHAPE)
            .by(call -> call.send(SHAPE, new Probes("ok"))),
        Route.get("/ready")
            .needs(Operation.LOOK)
            .summary("Whether it takes requests")
            .gives(SHAPE)
            .fails(Fault.UNAVAILABLE)
            .by(call -> {
              if (draining.getAsBoolean()) {
                throw new Refusal(Fault.UNAVAILABLE, "the server is stopping");
              }
              call.send(SHAPE, new Probes("ok"));
            }));
  }
}
