import Foundation
import KuklaFormats
import KuklaIndex
import KuklaNumerics
import KuklaStore
import KuklaTestSupport
import Testing

/// Which models may make vectors for a collection.
@Suite struct ModelIdentityTests {
    @Test("models compare where they are one, or one names the other; nothing follows for a third")
    func comparable() throws {
        let old = try FakeModel("old", dimensions: 4)
        let new = try FakeModel("new", dimensions: 4, compatible: [old])
        let newer = try FakeModel("newer", dimensions: 4, compatible: [new])
        #expect(old.identity.isComparable(with: old.identity))
        #expect(new.identity.isComparable(with: old.identity))
        #expect(old.identity.isComparable(with: new.identity))
        #expect(!newer.identity.isComparable(with: old.identity))
    }

    @Test(
        "what is no digest is refused by name",
        arguments: [
            "", "abc", String(repeating: "g", count: 64), String(repeating: "A", count: 64),
            String(repeating: "0", count: 65), "\0" + String(repeating: "0", count: 63),
        ])
    func badDigests(text: String) throws {
        let good = String(repeating: "0", count: 64)
        for (digest, older) in [(text, []), (good, [good, text])] {
            let error = failure { _ = try ModelIdentity(name: "m", digest: digest, compatibleWith: older) }
            #expect(error?.code == .badData && error?.message.contains("64 hexadecimal") == true)
            #expect(error?.message.contains("\0") == false)
        }
        let many = Array(repeating: good, count: 257)
        let error = failure { _ = try ModelIdentity(name: "m", digest: good, compatibleWith: many) }
        #expect(error?.code == .badData && error?.message.contains("257") == true)
    }

    @Test(
        "the first texts note their model; a compatible one joins it, another one is refused with both names")
    func adopting() throws {
        let folder = try TemporaryFolder()
        let (old, other) = (try FakeModel("old", dimensions: 4), try FakeModel("other", dimensions: 4))
        let new = try FakeModel("new", dimensions: 4, compatible: [old])
        let store = try folder.store()
        let notes = try store.create("notes", CollectionSettings(dimensions: 4))
        #expect(notes.models == [])
        try notes.adopt(old.identity)
        try notes.upsert(old.items(0..<3))
        try notes.adopt(new.identity)
        let error = failure { try notes.adopt(other.identity) }
        #expect(error?.code == .usage)
        for word in [old.identity.short, other.identity.short, "kukla collection reencode", "'notes'"] {
            #expect(error?.message.contains(word) == true, "\(word): \(error?.message ?? "")")
        }
        #expect(notes.models == [old.identity, new.identity])
        // One that is compatible with the older only cannot be compared with what the newer one wrote.
        let second = try FakeModel("second", dimensions: 4, compatible: [old])
        #expect(!notes.isComparable(with: second.identity))
        store.close()
        let again = try folder.store()
        defer { again.close() }
        #expect(try again.collection("notes").models == [old.identity, new.identity])
        #expect(try again.collection("notes").info().models.count == 2)
    }

    @Test("a model is known from the start where it is given; never where vectors came from elsewhere")
    func given() throws {
        let folder = try TemporaryFolder()
        let model = try FakeModel("model", dimensions: 4)
        let store = try folder.store()
        defer { store.close() }
        let known = try store.create(
            "known", CollectionSettings(dimensions: 4), vectorsBy: model.identity)
        #expect(known.models == [model.identity])
        let strange = try store.create("strange", CollectionSettings(dimensions: 4))
        try strange.upsert(ItemBatch(numbers: 0..<3, dimensions: 4))
        try strange.adopt(model.identity)
        #expect(strange.models == [])
        let snapshot = folder.url.appending(path: "snapshot")
        try known.snapshot(to: snapshot)
        #expect(try store.restore("copy", from: snapshot).models == [model.identity])
    }
}
