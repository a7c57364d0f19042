package dev.lathe.compute.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class WaitingRoomTest {
  private long now;

  private WaitingRoom room(int streams, int places) {
    return new WaitingRoom(streams, places, () -> now);
  }

  private static int enterWhilePossible(WaitingRoom room, String user) {
    for (int entered = 0; ; entered++) {
      try {
        room.enter(user);
      } catch (LatheException full) {
        assertThat(full.kind()).isEqualTo(LatheException.Kind.OVERLOADED);
        return entered;
      }
    }
  }

  @Test
  void withoutPlacesOnlyWhatRunsIsLetIn() {
    assertThat(enterWhilePossible(room(3, 0), "a")).isEqualTo(3);
  }

  @Test
  void oneUserFillsHalfTheRoomAndLeavesTheRestToOthers() {
    WaitingRoom room = room(2, 8);

    assertThat(enterWhilePossible(room, "crowd")).isEqualTo(2 + 4);
    assertThat(enterWhilePossible(room, "second")).isBetween(2, 4);
    assertThat(enterWhilePossible(room, "third")).isPositive();
  }

  @Test
  void placesOfThoseThatWereAdmittedOrEndedAreFreeAgain() {
    WaitingRoom room = room(1, 2);
    room.enter("a");
    room.admitted("a");
    room.enter("b");
    room.enter("c");
    assertThatThrownBy(() -> room.enter("d")).isInstanceOf(LatheException.class);

    room.ended();
    room.admitted("b");

    room.enter("d");
    assertThat(room.waiting()).isEqualTo(2);
    assertThat(room.open()).isEqualTo(3);
  }

  @Test
  void aRefusalSaysWhenToTryAgainAfterHowFastRequestsEnd() {
    WaitingRoom room = room(1, 1);
    for (int i = 0; i < 20; i++) {
      room.enter("a");
      room.admitted("a");
      room.enter("b");
      now += 7_000_000_000L;
      room.ended();
      room.admitted("b");
      now += 7_000_000_000L;
      room.ended();
    }
    room.enter("a");
    room.enter("b");

    assertThatThrownBy(() -> room.enter("c"))
        .isInstanceOfSatisfying(
            LatheException.class,
            full -> assertThat(full.retryAfter()).contains(Duration.ofSeconds(7)))
        .hasMessageContaining("1 may wait");
  }
}
