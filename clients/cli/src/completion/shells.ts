/**
 * Completion scripts. Each hands the words up to the cursor to `hyperswap complete`, which prints a candidate and its
 * note a line, and last what kind of paths the shell is to add.
 */

const bash = `# Completion of hyperswap for bash 4 and later.
_hyperswap() {
  local line=\${COMP_LINE:0:COMP_POINT} current value paths='' prefix=''
  local -a words
  # Words as they were typed: bash itself splits them at ":" and "=".
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=\${words[-1]}
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    if [[ $value == :paths=* ]]; then paths=\${value#:paths=}; else COMPREPLY+=("$value"); fi
  done < <("\${words[0]}" complete -- "\${words[@]:1}" 2>/dev/null)
  case $paths in
    files) compopt -o filenames; mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current") ;;
    folders) compopt -o filenames; mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$current") ;;
  esac
  # What stands before the last ":" or "=" is a word of its own for bash, and stays.
  if [[ $current == *[:=]* && $COMP_WORDBREAKS == *[:=]* ]]; then
    prefix=\${current%"\${current##*[:=]}"}
    COMPREPLY=("\${COMPREPLY[@]#"$prefix"}")
  fi
}
complete -F _hyperswap hyperswap
`;

const zsh = `#compdef hyperswap
# Completion of hyperswap for zsh.
_hyperswap() {
  local value note paths
  local -a candidates
  while IFS=$'\\t' read -r value note; do
    if [[ $value == :paths=* ]]; then
      paths=\${value#:paths=}
    else
      candidates+=("\${value//:/\\\\:}\${note:+:$note}")
    fi
  done < <("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( $#candidates )) && _describe -o hyperswap candidates
  case $paths in
    files) _files ;;
    folders) _files -/ ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _hyperswap "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _hyperswap hyperswap
fi
`;

const fish = `# Completion of hyperswap for fish.
function __hyperswap_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in ($words[1] complete -- $words[2..-1] 2>/dev/null)
        switch $line
            case ':paths=files'
                __fish_complete_path $words[-1]
            case ':paths=folders'
                __fish_complete_directories $words[-1]
            case ':paths=*'
            case '*'
                echo $line
        end
    end
end
complete -c hyperswap -f -a '(__hyperswap_complete)'
`;

/** Scripts by shell. */
export const completionScripts = { bash, zsh, fish } as const;
