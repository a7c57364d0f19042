/// The parts of `lathe demo`: [DemoSet] is what it teaches, [Workshop] the folder in which it keeps
/// what it did, [Told] the answers given so far, [TrainingSummary] what the training run left.
@NullMarked
package dev.lathe.app.demo;

import org.jspecify.annotations.NullMarked;
