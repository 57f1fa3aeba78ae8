import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor
import Synchronization
import Testing

@Suite struct PrefetcherTests {
    private struct Failure: Error, Equatable { let at: Int }

    @Test(arguments: [1, 2, 50]) func `elements and their order are those without prefetch`(_ ahead: Int)
        throws
    {
        let sampler = ShuffledSampler(count: 40, batchSize: 3, seed: 1)
        var plain = BatchStream(sampler)
        let prefetcher = Prefetcher(from: BatchStream(sampler), ahead: ahead) { stream in
            stream.next().map { ids in Tensor(ids.map { Float($0) }) * 2 }
        }
        for _ in 0..<60 {
            let wanted = plain.next()?.map { Float($0) * 2 }
            let found = try prefetcher.next()?.elements
            #expect(found != nil && found == wanted)
        }
    }

    @Test func `no more than asked for is made ahead`() throws {
        let made = Atomic<Int>(0)
        try withExtendedLifetime(made) {
            let prefetcher = Prefetcher(from: 0, ahead: 3) { (i: inout Int) -> Int? in
                i += 1
                made.store(i, ordering: .relaxed)
                return i
            }
            for i in 1...10 {
                let found = try prefetcher.next()
                #expect(found == i)
                usleep(2000)
                #expect(made.load(ordering: .relaxed) <= i + 4)
            }
        }
    }

    @Test func `the end is the end`() throws {
        let prefetcher = Prefetcher(from: 0) { (i: inout Int) -> Int? in
            i += 1
            return i <= 3 ? i : nil
        }
        let found = try (0..<5).map { _ in try prefetcher.next() }
        #expect(found == [1, 2, 3, nil, nil])
    }

    @Test func `an error comes in its place and stays`() throws {
        let prefetcher = Prefetcher(from: 0, ahead: 10) { (i: inout Int) throws -> Int? in
            i += 1
            if i == 4 { throw Failure(at: i) }
            return i
        }
        usleep(20_000)  // it has failed by now
        for i in 1...3 {
            let found = try prefetcher.next()
            #expect(found == i)
        }
        for _ in 0..<3 { #expect(throws: Failure(at: 4)) { try prefetcher.next() } }
    }

    @Test func `letting go stops the thread, also while it waits or works`() {
        for trial in 0..<50 {
            let alive = Mutex(0)
            let pause = UInt32(trial % 5) * 200
            withExtendedLifetime(alive) {
                var prefetcher: Prefetcher<Int>? = Prefetcher(from: 0, ahead: 2) { (i: inout Int) -> Int? in
                    alive.withLock { $0 += 1 }
                    usleep(pause)
                    i += 1
                    alive.withLock { $0 -= 1 }
                    return i
                }
                if trial % 3 == 0 { _ = try? prefetcher?.next() }
                if trial % 7 == 0 { usleep(1000) }
                prefetcher = nil
                #expect(alive.withLock { $0 } == 0)
            }
        }
    }

    @Test func `a cancelled prefetcher says so`() throws {
        let prefetcher = Prefetcher(from: 0) { (i: inout Int) -> Int? in
            i += 1
            return i
        }
        let found = try prefetcher.next()
        #expect(found == 1)
        prefetcher.cancel()
        prefetcher.cancel()
        do {
            _ = try prefetcher.next()
            Issue.record("no error")
        } catch let error as KuklaError {
            #expect(error.code == .cancelled)
        }
    }

    @Test func `a caller that waits is woken by cancellation`() throws {
        let gate = DispatchSemaphore(value: 0)
        let prefetcher = Prefetcher(from: 0) { (_: inout Int) -> Int? in
            gate.wait()
            return 1
        }
        let done = DispatchSemaphore(value: 0)
        let outcome = Mutex<String>("none")
        Thread.detachNewThread {
            do { _ = try prefetcher.next() } catch { outcome.withLock { $0 = "thrown" } }
            done.signal()
        }
        usleep(20_000)
        Thread.detachNewThread { prefetcher.cancel() }
        #expect(done.wait(timeout: .now() + 5) == .success)
        #expect(outcome.withLock { $0 } == "thrown")
        gate.signal()
    }
}
