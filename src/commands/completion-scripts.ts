// Scripts that teach bash, zsh and fish to complete tinytap's command line. They run without tinytap: commands and options are
// written into them, and the names of saved queries and of their parameters are read from their files. Such names, which
// in a project may come from somebody else, are only compared, never evaluated, and only plain ones are offered.
import type { CompletedCommand, CompletedOption, Kind, ShellName } from './completion-model.ts';

/** A query that comes with tinytap, and the names of its parameters. */
export type BundledQuery = { readonly name: string; readonly parameters: readonly string[] };

export function completionScript(
	shell: ShellName,
	commands: readonly CompletedCommand[],
	bundled: readonly BundledQuery[],
): string {
	return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands, bundled);
}

/** A word of a shell's text. */
function quoted(text: string): string {
	return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Prints what stands before the statement of a query: `-- :top int = 20` becomes `top=`. */
const HEADER_NAMES = `command sed -n -e 's/^-- *:\\([A-Za-z_][A-Za-z0-9_]*\\) .*/\\1=/p' -e t -e '/^--/d' -e '/^[[:space:]]*$/!q'`;

/** Queries with the same parameters are one case. */
function parameterCases(bundled: readonly BundledQuery[]): [names: string[], parameters: string][] {
	const cases = new Map<string, string[]>();
	for (const { name, parameters } of bundled) {
		const words = parameters.map((each) => `${each}=`).join(' ');
		if (words !== '') cases.set(words, [...(cases.get(words) ?? []), name]);
	}
	return [...cases].map(([words, names]) => [names, words]);
}

/** Print the names of the saved queries, and the parameters of those among the arguments; for bash and zsh. */
function queriesFunctions(bundled: readonly BundledQuery[]): string {
	const cases = parameterCases(bundled).map(
		([names, words]) => `\t\t${names.join(' | ')}) printf '%s\\n' ${words} ;;\n`,
	);
	return `_tinytap_parameters() {
	local word file
	for word; do
		case $word in
		*.sql) file=$word ;;
		'' | -* | */*) continue ;;
		*)
			file=.tinytap/queries/$word.sql
			[ -f "$file" ] || file=\${XDG_CONFIG_HOME:-$HOME/.config}/tinytap/queries/$word.sql
			;;
		esac
		if [ -f "$file" ]; then
			${HEADER_NAMES} "$file" 2>/dev/null
			continue
		fi
		case $word in
${cases.join('')}		esac
	done
}

_tinytap_queries() {
	local directory file
	printf '%s\\n' ${bundled.map(({ name }) => name).join(' ')}
	for directory in .tinytap/queries "\${XDG_CONFIG_HOME:-$HOME/.config}/tinytap/queries"; do
		[ -d "$directory" ] || continue
		command ls "$directory" 2>/dev/null | command sed -n 's/^\\([A-Za-z0-9][A-Za-z0-9._-]*\\)\\.sql$/\\1/p'
	done
}
`;
}

function bashScript(commands: readonly CompletedCommand[], bundled: readonly BundledQuery[]): string {
	const names = commands.map(({ name }) => name).filter((name) => name !== '');
	const valueCases = new Map<string, string[]>();
	for (const { options } of commands) {
		for (const { names, value, isOptional } of options) {
			if (value === 'none' || isOptional) continue;
			const action = bashWords(value);
			valueCases.set(action, [...new Set([...(valueCases.get(action) ?? []), ...names])]);
		}
	}
	const cases = [...valueCases].map(([action, list]) => `\t${list.join(' | ')}) ${action} ;;\n`).join('');
	const each = commands.map(({ name, options, argument }) => {
		const flags = options.flatMap((option) => option.names).join(' ');
		return `\t${quoted(name)})\n\t\tflags='${flags}'\n\t\targument() { ${bashWords(argument)}; }\n\t\t;;\n`;
	});
	return `# Completion of tinytap for bash. Use it with: source <(tinytap completion bash)
${queriesFunctions(bundled)}
# Adds the lines of its input that begin with what is typed.
_tinytap_add() {
	local word
	while IFS= read -r word; do
		case $word in "$current"*) COMPREPLY+=("$word") ;; esac
	done
}

_tinytap() {
	local current=$2 previous=$3 command='' flags word at
	COMPREPLY=()
	# bash splits --format=csv at the equals sign.
	if [ "$current" = '=' ]; then current=''; previous='='; at=$((COMP_CWORD - 1)); else at=$((COMP_CWORD - 2)); fi
	[ "$previous" != '=' ] || previous=\${COMP_WORDS[at]}
	for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		--)
			local IFS=$'\\n'
			COMPREPLY=($(compgen -c -- "$current"))
			return
			;;
		${names.join(' | ')}) [ -n "$command" ] || command=$word ;;
		esac
	done
	case $previous in
${cases}	*)
		case $command in
${each.map((text) => text.replace(/^/gm, '\t').trimEnd()).join('\n')}
		esac
		case $current in
		-*) _tinytap_add <<<"\${flags// /$'\\n'}" ;;
		*) argument ;;
		esac
		unset -f argument
		;;
	esac
	case \${COMPREPLY[0]-} in *=) compopt -o nospace 2>/dev/null ;; esac
}

complete -o bashdefault -o default -F _tinytap tinytap
`;
}

/** A command that adds what can be written; nothing leaves files to bash. */
function bashWords(kind: Kind): string {
	if (kind === 'query' || kind === 'query or file') return '_tinytap_add < <(_tinytap_queries)';
	if (kind === 'parameter') return `_tinytap_add < <(_tinytap_parameters "\${COMP_WORDS[@]:1:COMP_CWORD-1}")`;
	if (kind === 'user') return '_tinytap_add < <(compgen -u)';
	if (kind === 'none' || kind === 'any' || kind === 'file') return ':';
	return `_tinytap_add <<<$'${kind.join('\\n')}'`;
}

function zshScript(commands: readonly CompletedCommand[], bundled: readonly BundledQuery[]): string {
	const [program, ...others] = commands as [CompletedCommand, ...CompletedCommand[]];
	const list = others.map(
		({ name, description }) => `\t\t${quoted(`${name}:${description.replaceAll(':', '\\:')}`)}\n`,
	);
	const each = others.map(
		(command) =>
			`\t${command.name}) _arguments -S ${zshOptions(command)} ${quoted(`*:argument:${zshAction(command.argument)}`)} ;;\n`,
	);
	return `#compdef tinytap
# Completion of tinytap for zsh. Use it with: source <(tinytap completion zsh), or keep it as _tinytap in a directory of $fpath.
${queriesFunctions(bundled)}
_tinytap_saved() {
	local -a names
	names=(\${(f)"$(_tinytap_queries)"})
	compadd -a names
}

_tinytap_set() {
	local -a names
	names=(\${(f)"$(_tinytap_parameters "$words[@]")"})
	compadd -S '' -a names
}

_tinytap_saved_or_file() {
	_tinytap_saved
	_files
}

_tinytap() {
	local curcontext=$curcontext state line context
	typeset -A opt_args
	local -a commands
	commands=(
${list.join('')}	)
	local dashes=\${words[(i)--]}
	if ((dashes < CURRENT)); then
		shift $dashes words
		((CURRENT -= dashes))
		_normal
		return
	fi
	_arguments -C -S ${zshOptions(program)} '1:command:->command' '*::argument:->argument'
	case $state in
	command) _describe command commands ;;
	argument)
		case $line[1] in
${each.map((text) => `\t${text}`).join('')}		esac
		;;
	esac
}

if [ "$funcstack[1]" = _tinytap ]; then _tinytap "$@"; else compdef _tinytap tinytap; fi
`;
}

function zshOptions({ options }: CompletedCommand): string {
	return options.flatMap((option) => option.names.map((name) => quoted(zshOption(name, option)))).join(' ');
}

/** `*--name=[description]:message:action`. */
function zshOption(name: string, { description, value, isOptional }: CompletedOption): string {
	const text = description.replace(/[\\[\]:]/g, '\\$&');
	if (value === 'none') return `*${name}[${text}]`;
	return `*${name}${isOptional ? '=-' : '='}[${text}]${isOptional ? '::' : ':'}${name.replace(/^-+/, '')}:${zshAction(value)}`;
}

function zshAction(kind: Kind): string {
	if (kind === 'file') return '_files';
	if (kind === 'user') return '_users';
	if (kind === 'query') return '_tinytap_saved';
	if (kind === 'query or file') return '_tinytap_saved_or_file';
	if (kind === 'parameter') return '_tinytap_set';
	if (kind === 'none' || kind === 'any') return '()';
	return `(${kind.join(' ')})`;
}

function fishScript(commands: readonly CompletedCommand[], bundled: readonly BundledQuery[]): string {
	const names = commands.map(({ name }) => name).filter((name) => name !== '');
	const lines = commands.flatMap(({ name, description, argument }) => {
		const when = `-n ${quoted(`__tinytap_in ${name === '' ? "''" : name}`)}`;
		const command =
			name === '' ? [] : [`complete -c tinytap -n "__tinytap_in ''" -f -a ${name} -d ${quoted(description)}`];
		return name === '' ? command : [...command, `complete -c tinytap ${when} ${fishWords(argument)}`];
	});
	// An option is written once, with all commands that have it.
	const options = new Map<string, { readonly option: CompletedOption; readonly where: string[] }>();
	for (const { name, options: own } of commands) {
		for (const option of own) {
			const key = JSON.stringify(option);
			const known = options.get(key) ?? { option, where: [] };
			known.where.push(name === '' ? "''" : name);
			options.set(key, known);
		}
	}
	for (const { option, where } of options.values()) {
		const flags = option.names.map((each) => (each.startsWith('--') ? `-l ${each.slice(2)}` : `-s ${each.slice(1)}`));
		const value = option.value === 'none' ? '' : ` ${option.isOptional ? '' : '-r '}${fishWords(option.value)}`;
		const when = quoted(`__tinytap_in ${where.join(' ')}`);
		lines.push(`complete -c tinytap -n ${when} ${flags.join(' ')} -d ${quoted(option.description)}${value}`);
	}
	return `# Completion of tinytap for fish. Use it with: tinytap completion fish | source, or keep it as tinytap.fish in
# ~/.config/fish/completions.
function __tinytap_queries
	printf '%s\\n' ${bundled.map(({ name }) => name).join(' ')}
	set -l config $XDG_CONFIG_HOME
	test -n "$config"; or set config ~/.config
	for file in .tinytap/queries/*.sql $config/tinytap/queries/*.sql
		string match -rg '([A-Za-z0-9][A-Za-z0-9._-]*)\\.sql$' -- (string replace -r '.*/' '' -- $file)
	end
end

# The parameters of the queries on the line.
function __tinytap_parameters
	set -l config $XDG_CONFIG_HOME
	test -n "$config"; or set config ~/.config
	for word in (commandline -opc)[2..]
		string match -qr '^-|^$' -- $word; and continue
		set -l file .tinytap/queries/$word.sql
		string match -q '*.sql' -- $word; and set file $word
		test -f $file; or set file $config/tinytap/queries/$word.sql
		if test -f $file
			${HEADER_NAMES} $file 2>/dev/null
			continue
		end
		switch $word
${fishCases(bundled)}		end
	end
end

# Whether the command on the line is one of the arguments; '' stands for no command.
function __tinytap_in
	set -l command ''
	for word in (commandline -opc)[2..]
		test "$word" = --; and return 1
		if contains -- $word ${names.join(' ')}
			set command $word
			break
		end
	end
	contains -- "$command" $argv
end

# What can follow in the command line of the program after --.
function __tinytap_program
	set -l words (commandline -opc) (commandline -ct)
	set -l at (contains -i -- -- $words)
	complete -C (string escape -- $words[(math $at + 1)..] | string join ' ')
end

complete -c tinytap -f
complete -c tinytap -n 'contains -- -- (commandline -opc)' -f -a '(__tinytap_program)'
${lines.join('\n')}
`;
}

function fishCases(bundled: readonly BundledQuery[]): string {
	return parameterCases(bundled)
		.map(([names, words]) => `\t\t\tcase ${names.join(' ')}\n\t\t\t\tprintf '%s\\n' ${words}\n`)
		.join('');
}

/** The part of a \`complete\` line that says what can be written. */
function fishWords(kind: Kind): string {
	if (kind === 'file') return '-F';
	if (kind === 'query') return "-f -a '(__tinytap_queries)'";
	if (kind === 'query or file') return "-F -a '(__tinytap_queries)'";
	if (kind === 'parameter') return "-f -a '(__tinytap_parameters)'";
	if (kind === 'user') return "-f -a '(__fish_complete_users)'";
	if (kind === 'none' || kind === 'any') return '-f';
	return `-f -a ${quoted(kind.join(' '))}`;
}
