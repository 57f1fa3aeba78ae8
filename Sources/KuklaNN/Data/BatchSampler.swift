/// A way to go through a data set in batches: a function of the epoch, and of nothing else that changes.
///
/// The batches of an epoch follow from the sampler's settings (seed included) and the epoch's number: the place in the data is
/// two numbers (`DataPosition`), and a run that starts again sees what it would have seen.
public protocol BatchSampler: Sendable {
    /// The batches of `epoch` (from 0), each a list of item numbers; the same each time. None is empty.
    func batches(inEpoch epoch: Int) -> [[Int]]
}

/// Where a run is in its data: part of a checkpoint.
public struct DataPosition: Codable, Sendable, Equatable {
    public var epoch: Int
    /// Batches of this epoch that were taken.
    public var batch: Int

    public init(epoch: Int = 0, batch: Int = 0) {
        self.epoch = epoch
        self.batch = batch
    }
}

/// Batches one after the other, epoch after epoch, without end.
public struct BatchStream: Sendable {
    public let sampler: any BatchSampler
    private var current: [[Int]] = []
    private var loadedEpoch: Int?

    /// Where the next batch is. Set it to go on from a checkpoint.
    public var position: DataPosition

    public init(_ sampler: any BatchSampler, at position: DataPosition = DataPosition()) {
        self.sampler = sampler
        self.position = position
    }

    /// The number of batches of the epoch that `position` is in.
    public var batchesInEpoch: Int {
        mutating get {
            load()
            return current.count
        }
    }

    /// The next batch; the first of the next epoch after the last of this one. Nil where the data set has no batch at all.
    public mutating func next() -> [Int]? {
        load()
        if position.batch >= current.count {
            position = DataPosition(epoch: position.epoch + 1)
            load()
            guard !current.isEmpty else { return nil }
        }
        position.batch += 1
        return current[position.batch - 1]
    }

    private mutating func load() {
        guard loadedEpoch != position.epoch else { return }
        current = sampler.batches(inEpoch: position.epoch)
        loadedEpoch = position.epoch
    }
}

extension BatchStream: Sequence, IteratorProtocol {}
