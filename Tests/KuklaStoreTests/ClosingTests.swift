import Foundation
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

/// Collections that go away while somebody uses them.
@Suite struct ClosingTests {
    @Test(
        "who searches and writes while a collection is replaced and dropped gets an answer or an error, and nothing worse"
    )
    func replacing() throws {
        let folder = try TemporaryFolder()
        let store = try folder.store()
        defer { store.close() }
        let settings = try CollectionSettings(dimensions: 8)
        let first = try store.create("notes", settings)
        try first.upsert(ItemBatch(numbers: 0..<300, dimensions: 8))
        let snapshot = folder.url.appending(path: "snapshot")
        try first.snapshot(to: snapshot)

        let isDone = Guarded(false)
        let errors = Guarded<[KuklaError.Code]>([])
        let answers = Guarded(0)
        DispatchQueue.concurrentPerform(iterations: 4) { worker in
            guard worker > 0 else {
                // Until the others have had their turn, too: on a busy machine they may begin late.
                let deadline = Date.now.addingTimeInterval(20)
                var rounds = 0
                while rounds < 15 || (answers.withLock { $0 } == 0 && Date.now < deadline) {
                    _ = try? store.restore("notes", from: snapshot, replacing: true)
                    Thread.sleep(forTimeInterval: 0.005)
                    rounds += 1
                }
                try? store.drop("notes")
                return isDone.withLock { $0 = true }
            }
            var round = 0
            while !isDone.withLock({ $0 }) {
                round += 1
                do {
                    let collection = try store.collection("notes")
                    for _ in 0..<5 {
                        if worker == 1 {
                            let start = 300 + round % 50
                            try collection.upsert(ItemBatch(numbers: start..<start + 3, dimensions: 8))
                        } else {
                            let found = try collection.search(
                                SearchRequest(vector: [1, 2, 3, 4, 5, 6, 7, 8], count: 5))
                            #expect(found.count == 5)
                        }
                        answers.withLock { $0 += 1 }
                    }
                } catch {
                    errors.withLock { $0.append((error as? KuklaError)?.code ?? .cancelled) }
                }
            }
        }
        #expect(answers.withLock { $0 } > 0)
        // It was closed, or is not there any more.
        #expect(Set(errors.withLock { $0 }).isSubset(of: [.inputOutput, .usage]))
        let gone = failure { _ = try first.count() }
        #expect(gone?.code == .inputOutput && gone?.message.contains("closed") == true)
    }
}
