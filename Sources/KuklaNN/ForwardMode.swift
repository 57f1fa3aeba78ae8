public import KuklaNumerics
import Synchronization

/// Whether a model is being trained or used: dropout and batch statistics differ.
public enum ForwardMode: Sendable {
    /// Nothing random; running statistics are used.
    case inference
    /// Dropout draws from the stream; running statistics are updated.
    case training(RandomStream)

    public var isTraining: Bool { if case .training = self { true } else { false } }
}

/// A seeded source of random numbers that several layers draw from in turn.
public final class RandomStream: Sendable {
    private let source: Mutex<RandomSource>

    public init(_ source: RandomSource) { self.source = Mutex(source) }
    public convenience init(seed: UInt64) { self.init(RandomSource(seed: seed)) }

    /// Where the stream is now: part of a checkpoint.
    public var state: RandomSource {
        get { source.withLock { $0 } }
        set { source.withLock { $0 = newValue } }
    }

    /// Draws from the stream.
    public func draw<Result: Sendable>(_ body: (inout RandomSource) -> Result) -> Result {
        source.withLock { body(&$0) }
    }
}
