import Foundation
import KuklaFormats
import KuklaNumerics
import Testing

@Suite struct AtomicFileTests {
    @Test(arguments: [true, false]) func `a committed file holds what was written`(unnamed: Bool) throws {
        try withFolder { folder in
            let url = folder.appending(path: "out.bin")
            try Data("old".utf8).write(to: url)
            let bytes = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
            let file = try AtomicFile(url, allowsUnnamed: unnamed)
            try bytes.withUnsafeBytes { all in
                try file.write(UnsafeRawBufferPointer(rebasing: all[..<10]))
                try file.write(UnsafeRawBufferPointer(rebasing: all[10..<2_500_000]))
                for i in 2_500_000..<2_600_000 {
                    try file.write(UnsafeRawBufferPointer(rebasing: all[i..<i + 1]))
                }
                try file.write(UnsafeRawBufferPointer(rebasing: all[2_600_000...]))
            }
            #expect(try Data(contentsOf: url) == Data("old".utf8))
            try Data([9, 9]).withUnsafeBytes { try file.overwrite($0, at: 1) }
            try file.commit()
            var expected = bytes
            expected.replaceSubrange(1..<3, with: [9, 9])
            #expect(try Data(contentsOf: url) == expected)
            #expect(try names(in: folder) == ["out.bin"])
        }
    }

    @Test(arguments: [true, false]) func `a file that is not committed leaves nothing`(unnamed: Bool) throws {
        try withFolder { folder in
            do {
                let file = try AtomicFile(folder.appending(path: "out.bin"), allowsUnnamed: unnamed)
                try file.write(String(repeating: "x", count: 2_000_000))
            }
            #expect(try names(in: folder) == [])
        }
    }

    @Test func `a process that is killed while it writes leaves nothing`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "kukla-kill-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try replace(folder.appending(path: "old.npy"), with: Data("old".utf8))
        let path = folder.path
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
            let folder = URL(fileURLWithPath: path)
            let writers = try ["new.npy", "old.npy"].map {
                try NPYWriter(folder.appending(path: $0), dimensions: 100)
            }
            for writer in writers { try writer.append(Matrix(rows: 10_000, columns: 100)) }
            withExtendedLifetime(writers) { _ = kill(getpid(), SIGKILL) }
        }
        #expect(try names(in: folder) == ["old.npy"])
        #expect(try Data(contentsOf: folder.appending(path: "old.npy")) == Data("old".utf8))
    }

    @Test func `what a killed run left is removed when the file is replaced, and nothing else`() throws {
        try withFolder { folder in
            let url = folder.appending(path: "out.bin")
            try replace(url, with: Data("old".utf8))
            // No process has that number; the others are of a running process, another file, and too young.
            let files = [
                ".out.bin.2147483646-1.tmp": 7200.0, ".out.bin.\(getpid())-2.tmp": 7200,
                ".other.bin.2147483646-3.tmp": 7200, ".out.bin.2147483646-4.tmp": 60,
                ".out.bin.notes.tmp": 7200,
            ]
            for (name, age) in files {
                let url = folder.appending(path: name)
                try Data().write(to: url)
                try FileManager.default.setAttributes(
                    [.modificationDate: Date.now - age], ofItemAtPath: url.path)
            }
            try AtomicFile.write("new", to: url)
            #expect(
                try Set(names(in: folder))
                    == Set(files.keys).subtracting([".out.bin.2147483646-1.tmp"]).union(["out.bin"]))
        }
    }

    @Test func `a full device is an error that names the file`() throws {
        let text = message { try AtomicFile.write("x", to: URL(fileURLWithPath: "/dev/full")) }
        #expect(text == "Cannot write /dev/full: No space left on device.")
        #expect(FileManager.default.fileExists(atPath: "/dev/full"))
    }

    @Test(arguments: [true, false]) func `a full disk is an error and leaves nothing`(unnamed: Bool) throws {
        try withFolder { folder in
            guard geteuid() == 0, mount("tmpfs", folder.path, "tmpfs", 0, "size=256k") == 0 else { return }
            defer { umount(folder.path) }
            let url = folder.appending(path: "out.bin")
            do {
                let file = try AtomicFile(url, allowsUnnamed: unnamed)
                let text = message {
                    for _ in 0..<4 { try file.write(String(repeating: "x", count: 900_000)) }
                    try file.commit()
                }
                #expect(text == "Cannot write \(url.path): No space left on device.")
            }
            #expect(try names(in: folder) == [])
        }
    }

    @Test func `a missing folder and a folder as target are errors`() throws {
        try withFolder { folder in
            #expect(
                message { try AtomicFile(folder.appending(path: "no/out.bin")) }
                    .hasSuffix("no/out.bin: No such file or directory."))
            #expect(message { try AtomicFile(folder) }.hasSuffix("it is a folder."))
        }
    }

    @Test func `a symbolic link stays and its target is replaced`() throws {
        try withFolder { folder in
            let real = folder.appending(path: "real")
            let link = folder.appending(path: "link")
            try Data("old".utf8).write(to: real)
            try FileManager.default.createSymbolicLink(at: link, withDestinationURL: real)
            try AtomicFile.write("new", to: link)
            #expect(try String(contentsOf: real, encoding: .utf8) == "new")
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == real.path)
        }
    }
}
