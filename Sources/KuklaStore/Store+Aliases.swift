import Foundation
import KuklaFormats
public import KuklaNumerics

/// Aliases are one file, `aliases.json`, that is replaced whole: who looks up a name finds the old collection or the new one.
extension Store {
    private var aliasFile: URL { url.appending(path: "aliases.json") }

    /// Every alias with the collection that it stands for.
    ///
    /// - Throws: `KuklaError.badData` where the file is damaged.
    public func aliases() throws(KuklaError) -> [CollectionName: CollectionName] {
        guard let data = try? Data(contentsOf: aliasFile) else { return [:] }
        guard let names = try? JSONDecoder().decode([String: String].self, from: data) else {
            throw KuklaError(
                .badData,
                "Cannot read \(aliasFile.path): expected one JSON object of names. Mend it or remove it and set the aliases again."
            )
        }
        var aliases: [CollectionName: CollectionName] = [:]
        for (alias, name) in names { aliases[try CollectionName(alias)] = try CollectionName(name) }
        return aliases
    }

    /// Lets `alias` stand for the collection `name` from now on, or, for nil, for none.
    ///
    /// - Throws: `KuklaError.usage` where there is no such collection, or one has the name of the alias.
    public func setAlias(_ alias: String, to name: String?) throws(KuklaError) {
        let alias = try CollectionName(alias)
        let target = try name.map { name throws(KuklaError) in try CollectionName(name) }
        try changingAliases.withLock { _ throws(KuklaError) in
            guard !names.contains(alias) else {
                throw KuklaError(
                    .usage, "Cannot make the alias '\(alias)': a collection has that name. Take another.")
            }
            if let target, !names.contains(target) { throw unknown(target) }
            var all = try aliases()
            guard target != nil || all[alias] != nil else {
                throw KuklaError(.usage, "There is no alias '\(alias)' in \(url.path).")
            }
            all[alias] = target
            let members = all.map { (key: "\($0.key)", value: JSONValue.string("\($0.value)")) }
            try AtomicFile.write(
                JSONValue.object(Dictionary(uniqueKeysWithValues: members)).description + "\n", to: aliasFile)
            try forgetNames()
        }
    }
}
