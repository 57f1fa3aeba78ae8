import Foundation
import KuklaNumerics
import KuklaTensor

/// Makes what comes next on another thread while the caller works.
///
/// Elements arrive in the order, and with the values, that calling `produce` again and again would give: one thread makes
/// them, one after the other, at most `ahead` of them waiting. An error arrives in its place, after the elements before it.
/// Letting go of the prefetcher cancels it; the thread has then ended.
public final class Prefetcher<Element: Sendable>: Sendable {
    private let shelf: PrefetchShelf<Element>

    /// - Parameters:
    ///   - state: what `produce` starts from and changes: a position in the data, an open file.
    ///   - ahead: the most elements that wait, 1 or more.
    ///   - produce: makes the next element; nil ends. Its tensor operations run on one thread, lest they slow the caller's.
    public init<State: Sendable>(
        from state: State, ahead: Int = 2, produce: @escaping @Sendable (inout State) throws -> Element?
    ) {
        contract(ahead > 0, "Prefetcher: \(ahead) elements ahead")
        let shelf = PrefetchShelf<Element>(capacity: ahead)
        self.shelf = shelf
        let thread = Thread {
            var state = state
            TensorThreads.limited(to: 1) {
                while shelf.awaitSpace() {
                    shelf.put(Result { try produce(&state) })
                }
            }
            shelf.producerEnded()
        }
        thread.name = "kukla.prefetch"
        thread.stackSize = 8 << 20
        thread.start()
    }

    deinit { cancel() }

    /// The next element, waiting for it where it is not ready; nil after the last.
    ///
    /// - Throws: what `produce` threw, then and at every later call; `KuklaError(.cancelled)` after `cancel`.
    public func next() throws -> Element? { try shelf.take() }

    /// Stops making elements and drops those that wait. Returns when the one in the making is done.
    public func cancel() { shelf.cancel() }
}

/// What the two threads share.
// Unchecked, but safe to share: every field is guarded by `condition`.
private final class PrefetchShelf<Element: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private let capacity: Int
    private var elements: [Element] = []
    private var ending: Result<Void, any Error>?
    private var isCancelled = false
    private var hasEnded = false

    init(capacity: Int) { self.capacity = capacity }

    private func locked<Value>(_ body: () throws -> Value) rethrows -> Value {
        condition.lock()
        defer { condition.unlock() }
        return try body()
    }

    /// Waits until another element is wanted; false where none ever is.
    func awaitSpace() -> Bool {
        locked {
            while elements.count >= capacity && !isCancelled { condition.wait() }
            return !isCancelled && ending == nil
        }
    }

    func put(_ result: Result<Element?, any Error>) {
        locked {
            switch result {
            case .success(let element?): elements.append(element)
            case .success(nil): ending = .success(())
            case .failure(let error): ending = .failure(error)
            }
            condition.broadcast()
        }
    }

    func producerEnded() {
        locked {
            hasEnded = true
            condition.broadcast()
        }
    }

    func take() throws -> Element? {
        try locked {
            while elements.isEmpty && ending == nil && !isCancelled { condition.wait() }
            guard !isCancelled else {
                throw KuklaError(.cancelled, "Cannot fetch the next batch: fetching was cancelled.")
            }
            guard elements.isEmpty else {
                condition.broadcast()
                return elements.removeFirst()
            }
            try ending?.get()
            return nil
        }
    }

    func cancel() {
        locked {
            isCancelled = true
            condition.broadcast()
            while !hasEnded { condition.wait() }
            elements = []
        }
    }
}
