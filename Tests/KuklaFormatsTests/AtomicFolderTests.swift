import Foundation
import KuklaFormats
import KuklaNumerics
import Testing

@Suite struct AtomicFolderTests {
    private func write(_ text: String, to url: URL) throws {
        let folder = try AtomicFolder(url)
        try AtomicFile.write(text, to: folder.staging.appending(path: "a.txt"))
        try folder.commit()
    }

    private func text(_ url: URL) throws -> String {
        try String(contentsOf: url.appending(path: "a.txt"), encoding: .utf8)
    }

    @Test func `a folder appears at commit, and replaces an older one`() throws {
        try withFolder { root in
            let place = root.appending(path: "best")
            try write("one", to: place)
            #expect(try text(place) == "one")
            try write("two", to: place)
            #expect(try text(place) == "two")
            #expect(try names(in: root) == ["best"])
        }
    }

    @Test(arguments: [true, false])
    func `two folders change places, in one step or by standing aside`(inOneStep: Bool) throws {
        try withFolder { root in
            let (new, old) = (root.appending(path: ".new"), root.appending(path: "place"))
            try write("new", to: new)
            try write("old", to: old)
            try AtomicFolder.exchange(new, with: old, allowsOneStep: inOneStep)
            #expect(try text(old) == "new" && text(new) == "old")
            #expect(try names(in: root) == [".new", "place"])
            // One that is not there: nothing has changed.
            let missing = root.appending(path: ".missing")
            #expect(throws: KuklaError.self) {
                try AtomicFolder.exchange(missing, with: old, allowsOneStep: inOneStep)
            }
            #expect(try text(old) == "new" && names(in: root) == [".new", "place"])
        }
    }

    @Test func `without commit nothing is left`() throws {
        try withFolder { root in
            let place = root.appending(path: "best")
            try write("one", to: place)
            do {
                let folder = try AtomicFolder(place)
                try AtomicFile.write("two", to: folder.staging.appending(path: "a.txt"))
                #expect(try names(in: root).count == 2)
            }
            #expect(try names(in: root) == ["best"])
            #expect(try text(place) == "one")
        }
    }

    @Test func `what a kill leaves is removed, and a folder that stepped aside comes back`() throws {
        try withFolder { root in
            for name in [".best.12-34.tmp", ".best.aside", ".other.aside", "other", ".hidden"] {
                let folder = root.appending(path: name)
                try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
                try Data(name.utf8).write(to: folder.appending(path: "a.txt"))
            }
            AtomicFolder.removeLeftovers(in: root)
            #expect(try names(in: root) == [".hidden", "best", "other"])
            #expect(try text(root.appending(path: "best")) == ".best.aside")
            #expect(try text(root.appending(path: "other")) == "other")
        }
    }

    @Test func `a folder that cannot be made is named`() throws {
        try withFolder { root in
            #expect(
                message(of: { try AtomicFolder(root.appending(path: "none/best")) }).contains("none/best"))
        }
    }
}
