package dev.lathe.training.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.training.Fixtures;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ScheduleTest {
  @Test
  void theRatesAreThoseOfTransformers() {
    Set<Schedule> seen = EnumSet.noneOf(Schedule.class);
    for (JsonNode expected : Fixtures.read("optimizer.json").get("schedules")) {
      Schedule schedule = Schedule.valueOf(expected.get("name").asText().toUpperCase(Locale.ROOT));
      int warmup = expected.get("warmup").intValue();
      int total = expected.get("total").intValue();
      for (int done = 0; done < total; done++) {
        assertThat(schedule.factor(done, warmup, total))
            .as("%s, %s done, warm-up %s of %s", schedule, done, warmup, total)
            .isCloseTo(expected.get("rates").get(done).doubleValue(), within(1e-12));
      }
      seen.add(schedule);
    }
    assertThat(seen).isEqualTo(EnumSet.allOf(Schedule.class));
  }
}
